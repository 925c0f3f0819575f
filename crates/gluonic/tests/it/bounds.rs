//! What may be sent to, and shared between, threads. A failure here does not compile.

use gluonic::checkpoint::LoadReport;
use gluonic::nn::{BlockCore, Sequential};
use gluonic::{Block, Error, NdArray, Parameter, ParameterDict, Trainer};

const fn shared<T: Send + Sync + ?Sized>() {}
const fn sent<T: Send + ?Sized>() {}

const _: () = {
    shared::<Parameter>();
    shared::<ParameterDict>();
    shared::<NdArray>();
    shared::<dyn Block>();
    shared::<Sequential>();
    shared::<BlockCore>();
    shared::<Error>();
    shared::<LoadReport>();
    sent::<Trainer>();
};

#[test]
fn a_block_is_an_object_and_can_be_moved_to_another_thread() {
    let net: Box<dyn Block> = Box::new(gluonic::nn::Dense::new(2));
    let class = std::thread::spawn(move || net.core().class().to_owned()).join().unwrap();
    assert_eq!(class, "Dense");
}
