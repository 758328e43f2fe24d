//! Chromium without a window, driven over its pipe (the DevTools protocol, messages of JSON that end in NUL): no port
//! is opened, and it ends when the pipe does.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Above anything that is sound, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page, which runs no script until it is told to.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    pipe: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    profile: TempDir,
}

/// The properties of a screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Pixels of the screen for one of the page.
    pub(crate) scale: u32,
    pub(crate) is_phone: bool,
}

impl Browser {
    /// Starts it. Every host below `domain` is at that port of this machine, whatever its certificate.
    pub(crate) fn start(screen: Screen, domain: &str, port: u16) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let log = fs::File::create(profile.path().join("log")).expect("the log can be written");
        let mut child = Command::new("sh")
            // The pipe is the descriptors 3 and 4.
            .args(["-c", r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh"])
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--no-proxy-server",
                "--disable-component-update",
                "--disable-background-networking",
            ])
            .args(["--ignore-certificate-errors", "--hide-scrollbars", "--force-color-profile=srgb"])
            .arg(format!("--host-resolver-rules=MAP *.{domain} 127.0.0.1:{port}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a shell can be started");
        let pipe = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("DevTools speak JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, pipe, messages, session: None, sent: 0, profile };
        browser.open_page(screen);
        browser
    }

    fn open_page(&mut self, screen: Screen) {
        let page = self.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", &target)["sessionId"].as_str().map(str::to_owned);
        self.session = session;
        self.call("Page.enable", &json!({}));
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        self.resize(screen);
    }

    /// Sends a command and waits for its answer.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        loop {
            let message = self.next(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.pipe.write_all(&bytes).and_then(|()| self.pipe.flush()).expect("Chromium reads");
        self.sent
    }

    fn next(&self, awaited: &str) -> Value {
        self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            let log = fs::read_to_string(self.profile.path().join("log")).unwrap_or_default();
            panic!("Chromium, {awaited}: {error}\n{log}")
        })
    }

    /// Opens an address.
    pub(crate) fn open(&mut self, url: &str) {
        self.while_it_loads(|browser| {
            browser.send("Page.navigate", &json!({ "url": url }));
        });
    }

    /// Does what makes the page go on to another, and waits until that one is there.
    fn while_it_loads(&mut self, go: impl FnOnce(&mut Self)) {
        go(self);
        while self.next("the page loads")["method"] != "Page.loadEventFired" {}
    }

    fn find(&mut self, selector: &str) -> Value {
        let root = self.call("DOM.getDocument", &json!({}))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", &json!({ "nodeId": root, "selector": selector }));
        let node = json!({ "nodeId": found["nodeId"] });
        assert!(found["nodeId"] != 0, "there is no {selector}: {}", self.html());
        node
    }

    /// Presses what the selector finds, as a finger or a mouse does.
    pub(crate) fn press(&mut self, selector: &str) {
        let node = self.find(selector);
        self.call("DOM.scrollIntoViewIfNeeded", &node);
        let quads = self.call("DOM.getContentQuads", &node);
        let corner = |at: usize| quads["quads"][0][at].as_f64().expect("it is to be seen");
        let (x, y) = (f64::midpoint(corner(0), corner(4)), f64::midpoint(corner(1), corner(5)));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            // The answer to the second may only come from the next page.
            self.send("Input.dispatchMouseEvent", &event);
        }
    }

    /// Presses what leads to another page, and waits for that.
    pub(crate) fn follow(&mut self, selector: &str) {
        self.while_it_loads(|browser| browser.press(selector));
    }

    /// Writes into a field.
    pub(crate) fn write(&mut self, selector: &str, text: &str) {
        let node = self.find(selector);
        self.call("DOM.focus", &node);
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Lets pages run their scripts, and [`Browser::evaluate`] run in them.
    pub(crate) fn run_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": false }));
    }

    /// The value of a script in the page; one that waits is waited for.
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Presses a key of the keyboard, such as `Tab`.
    pub(crate) fn key(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            other => panic!("no key {other}"),
        };
        let mut event = json!({ "key": key, "code": key, "windowsVirtualKeyCode": code });
        for kind in ["keyDown", "keyUp"] {
            event["type"] = json!(kind);
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            // The answer may only come from the next page.
            self.send("Input.dispatchKeyEvent", &event);
        }
    }

    /// Presses a key that leads to another page, and waits for that.
    pub(crate) fn follow_by_key(&mut self, key: &str) {
        self.while_it_loads(|browser| browser.key(key));
    }

    /// Writes where the keyboard is.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Asks for pages in a language, where nobody is logged in.
    pub(crate) fn language(&mut self, tag: &str) {
        self.call("Network.enable", &json!({}));
        self.call("Network.setExtraHTTPHeaders", &json!({ "headers": { "Accept-Language": tag } }));
    }

    /// Another size of the screen.
    pub(crate) fn resize(&mut self, Screen { width, height, scale, is_phone, .. }: Screen) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Forgets who was logged in.
    pub(crate) fn forget_cookies(&mut self) {
        self.call("Network.clearBrowserCookies", &json!({}));
    }

    /// Whether whoever looks likes dark pages.
    pub(crate) fn dark(&mut self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// The page as it stands.
    pub(crate) fn html(&mut self) -> String {
        let root = self.call("DOM.getDocument", &json!({}))["root"]["nodeId"].clone();
        let html = self.call("DOM.getOuterHTML", &json!({ "nodeId": root }));
        html["outerHTML"].as_str().expect("text").to_owned()
    }

    /// The address of the page.
    pub(crate) fn url(&mut self) -> String {
        let history = self.call("Page.getNavigationHistory", &json!({}));
        let current = history["currentIndex"].as_u64().and_then(|at| usize::try_from(at).ok()).expect("a place");
        history["entries"][current]["url"].as_str().expect("text").to_owned()
    }

    /// Whether the page is wider than its screen.
    pub(crate) fn is_too_wide(&mut self) -> bool {
        let metrics = self.call("Page.getLayoutMetrics", &json!({}));
        let width = |what: &str, of: &str| metrics[what][of].as_f64().expect("a number");
        width("cssContentSize", "width") > width("cssLayoutViewport", "clientWidth")
    }

    /// Writes a picture of the whole page.
    pub(crate) fn picture(&mut self, file: &Path) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        self.shoot(file, &json!({ "captureBeyondViewport": true, "clip": clip }));
    }

    /// Writes a picture of what the screen shows.
    pub(crate) fn picture_of_screen(&mut self, file: &Path) {
        self.shoot(file, &json!({}));
    }

    fn shoot(&mut self, file: &Path, params: &Value) {
        let shot = self.call("Page.captureScreenshot", params);
        let png = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        fs::write(file, png).expect("the picture can be written");
    }

    /// Ends it. Gives what the command of each of its processes names, for [`runs`].
    pub(crate) fn end(mut self) -> String {
        self.session = None;
        self.send("Browser.close", &json!({}));
        self.child.wait().expect("it ends");
        self.profile.path().display().to_string()
    }
}

/// Whether there is a process whose command names that.
pub(crate) fn runs(named: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    let mut commands = processes.filter_map(|folder| fs::read(folder.path().join("cmdline")).ok());
    commands.any(|command| String::from_utf8_lossy(&command).contains(named))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Where a test failed; its other processes end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
