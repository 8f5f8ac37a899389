"""Sockets: who gets in, and what is sent and received; knows no runtime."""
