"""The reference: a proxy as simple as it can be that captures and mirrors over HAProxy's SPOE filter."""
