//! Tests of what needs no connection; those of the listener run against the whole program.

use std::net::IpAddr;

use crate::Network;

#[test]
fn networks_contain_their_addresses_alone() {
    let check = |network: &str, inside: &str, outside: &str| {
        let network: Network = network.parse().unwrap();
        assert!(network.contains(inside.parse().unwrap()), "{inside}");
        assert!(!network.contains(outside.parse().unwrap()), "{outside}");
    };
    check("10.1.0.0/16", "10.1.255.255", "10.2.0.0");
    check("192.0.2.7/32", "192.0.2.7", "192.0.2.8");
    check("192.0.2.7", "192.0.2.7", "192.0.2.6");
    check("fd00::/8", "fdff::1", "fe80::1");
    check("0.0.0.0/0", "203.0.113.1", "::1");
    // What arrives on a dual-stack socket looks like this.
    let mapped: IpAddr = "::ffff:10.1.2.3".parse().unwrap();
    assert!("10.1.0.0/16".parse::<Network>().unwrap().contains(mapped));
}

#[test]
fn wrong_networks_are_refused() {
    for wrong in ["", "10.0.0.0/33", "fd00::/129", "10.0.0.0/-1", "10.0.0/8", "host/8"] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong:?}");
    }
}
