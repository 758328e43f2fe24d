//! The messages of each day as stacked bars, in SVG without anything from elsewhere.

use std::fmt::Write;

use chrono::NaiveDate;

use crate::domain::Channel;
use crate::pipeline::Forecast;

const WIDTH: u64 = 960;
const HEIGHT: u64 = 400;
const LEFT: u64 = 72;
const RIGHT: u64 = 16;
const TOP: u64 = 64;
const BOTTOM: u64 = 48;
const PLOT_WIDTH: u64 = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT: u64 = HEIGHT - TOP - BOTTOM;

/// The width of a date below the axis.
const LABEL_WIDTH: u64 = 44;

/// A colour for each channel, in the order of [`Channel::ALL`]; those at the end are for channels to come.
const COLOURS: [&str; 5] = ["#2f6db5", "#e39a2d", "#4a9a5b", "#a15fb0", "#7a7a7a"];
const _: () = assert!(Channel::ALL.len() <= COLOURS.len(), "each channel has a colour");

/// Each channel with its name and colour.
fn series() -> impl Iterator<Item = (Channel, &'static str, &'static str)> {
    Channel::ALL.iter().zip(COLOURS).map(|(channel, colour)| (*channel, channel.label(), colour))
}

/// Draws it.
pub(super) fn svg(forecast: &Forecast) -> String {
    let days: Vec<_> = forecast.days().collect();
    let most = days.iter().map(|day| total(forecast, *day)).max().unwrap_or_default();
    let (step, top) = scale(most);
    let (first, last) = (days.first().copied().unwrap_or_default(), days.last().copied().unwrap_or_default());
    let mut svg = String::new();
    // Writing to a string does not fail.
    _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title" font-family="sans-serif" font-size="12" fill="#333">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
<text id="title" x="{LEFT}" y="28" font-size="18" fill="#111">Messages by day, {first} to {last} ({})</text>
"##,
        forecast.span.zone
    );
    legend(&mut svg, forecast);
    grid(&mut svg, step, top);
    bars(&mut svg, forecast, &days, top);
    _ = writeln!(
        svg,
        r##"<line x1="{LEFT}" x2="{}" y1="{base}" y2="{base}" stroke="#333"/>
<text transform="translate(18 {}) rotate(-90)" text-anchor="middle">messages</text>
</svg>"##,
        LEFT + PLOT_WIDTH,
        TOP + PLOT_HEIGHT / 2,
        base = TOP + PLOT_HEIGHT,
    );
    svg
}

fn total(forecast: &Forecast, day: NaiveDate) -> u64 {
    series().map(|(channel, ..)| forecast.volume(Some(day), channel).messages).sum()
}

/// The distance of the lines, 1, 2 or 5 with zeros, and the last of them: at most six, the highest bar below or on it.
fn scale(most: u64) -> (u64, u64) {
    let steps = (0..18).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let step = steps.into_iter().find(|step| most.div_ceil(*step) <= 6).unwrap_or(most).max(1);
    (step, step * most.div_ceil(step).max(1))
}

fn legend(svg: &mut String, forecast: &Forecast) {
    let mut x = LEFT;
    for (channel, name, colour) in series() {
        let messages = forecast.volume(None, channel).messages;
        _ = writeln!(
            svg,
            r#"<rect x="{x}" y="40" width="12" height="12" fill="{colour}"/><text x="{}" y="50">{name}: {messages}</text>"#,
            x + 18,
        );
        x += 140;
    }
}

fn grid(svg: &mut String, step: u64, top: u64) {
    for value in (0..=top / step).map(|line| line * step) {
        let y = TOP + PLOT_HEIGHT - height(value, top);
        _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="#ddd"/><text x="{}" y="{}" text-anchor="end">{value}</text>"##,
            LEFT + PLOT_WIDTH,
            LEFT - 8,
            y + 4,
        );
    }
}

fn bars(svg: &mut String, forecast: &Forecast, days: &[NaiveDate], top: u64) {
    let count = days.len().max(1) as u64;
    let every = (count * LABEL_WIDTH).div_ceil(PLOT_WIDTH).max(1);
    for (number, day) in (0..).zip(days) {
        let (left, right) = (LEFT + number * PLOT_WIDTH / count, LEFT + (number + 1) * PLOT_WIDTH / count);
        let gap = (right - left) / 8;
        let (x, width) = (left + gap, (right - left - 2 * gap).max(1));
        let mut below = 0;
        for (channel, name, colour) in series() {
            let messages = forecast.volume(Some(*day), channel).messages;
            if messages == 0 {
                continue;
            }
            // From the sums, so that rounding leaves no gap between the parts of a bar.
            let (from, to) = (height(below, top), height(below + messages, top));
            below += messages;
            _ = writeln!(
                svg,
                r#"<rect x="{x}" y="{}" width="{width}" height="{}" fill="{colour}"><title>{day}: {messages} {name}</title></rect>"#,
                TOP + PLOT_HEIGHT - to,
                to - from,
            );
        }
        if number % every == 0 {
            let (middle, y) = (left.midpoint(right), TOP + PLOT_HEIGHT + 18);
            _ = writeln!(svg, r#"<text x="{middle}" y="{y}" text-anchor="middle">{}</text>"#, day.format("%m-%d"));
        }
    }
}

fn height(value: u64, top: u64) -> u64 {
    value * PLOT_HEIGHT / top
}

#[cfg(test)]
mod tests {
    use super::scale;

    #[test]
    fn the_scale_has_round_steps_and_holds_the_highest_bar() {
        for (most, expected) in
            [(0, (1, 1)), (3, (1, 3)), (6, (1, 6)), (7, (2, 8)), (31, (10, 40)), (120_000, (20_000, 120_000))]
        {
            assert_eq!(scale(most), expected, "{most}");
        }
    }
}
