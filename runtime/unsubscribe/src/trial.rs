//! What the tests of handlers stand on: an embedded account with table, key and contact list, and requests.
