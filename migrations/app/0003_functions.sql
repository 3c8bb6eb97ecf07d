-- Deployed functions and what they did.

create schema functions;
