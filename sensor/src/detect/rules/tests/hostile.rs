//! Files that mean harm, or were never meant to be rules.
