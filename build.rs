//! The migrations are compiled in: a file that comes or goes must rebuild the crate, and cargo does not see that by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
