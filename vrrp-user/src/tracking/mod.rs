//! Scripts and interfaces to effective priority and FAULT.
