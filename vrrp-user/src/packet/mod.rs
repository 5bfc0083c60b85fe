//! Bytes to values and back: adverts, ARP, neighbour discovery.
