//! temp
use tokio::sync::mpsc;
pub struct Reply<T>(std::marker::PhantomData<T>);
impl<T> Reply<T>{ pub fn send(self,_t:T){} }
pub enum Request{ Status(Reply<serde_json::Value>), Reload(Reply<Result<(),String>>), Stop(Reply<()>) }
pub type Requests = mpsc::Receiver<Request>;
