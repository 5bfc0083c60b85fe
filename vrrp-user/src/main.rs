//! temp
use vrrp_user::{
    config,
    shell::{bpf, driver, process, signals},
};
struct S;
impl config::Source for S {
    fn read(&mut self, p: &std::path::Path) -> Result<Vec<u8>, String> {
        std::fs::read(p).map_err(|e| e.to_string())
    }
    fn list(&mut self, _: &std::path::Path) -> Result<Vec<String>, String> {
        Ok(vec![])
    }
}
fn load(f: &str) -> anyhow::Result<config::model::Config> {
    let l = config::load(f, &mut S, &config::Context::default());
    for d in &l.diagnostics {
        eprintln!("{}", d.render(&l.files));
    }
    l.config.ok_or_else(|| anyhow::anyhow!("bad config"))
}
fn main() -> anyhow::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    if a.get(1).map(String::as_str) == Some(process::SUBCOMMAND) {
        process::runner_main();
        return Ok(());
    }
    let f = a
        .iter()
        .position(|x| x == "-f")
        .map(|i| a[i + 1].clone())
        .unwrap();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runner = process::Runner::start()?;
    let config = load(&f)?;
    let instance = bpf::Instance::here(None)?;
    let _lock = bpf::Lock::take(&instance)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async move {
            let (_tx, rx) = tokio::sync::mpsc::channel(1);
            std::mem::forget(_tx);
            driver::run(
                driver::Options {
                    instance,
                    variant: bpf::Variant::from_environment()?,
                    settings: Default::default(),
                    config,
                    reload: Box::new(move || load(&f)),
                    runner,
                },
                rx,
                signals::Signals::new()?,
                || (),
            )
            .await
        })
}
