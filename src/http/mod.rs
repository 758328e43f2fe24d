//! Level 6: what is served: landing pages, health, metrics, the demo page.
