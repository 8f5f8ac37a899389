"""Recorded sessions: the bodies that went over a connection, in an MCAP file that any MCAP reader opens."""
