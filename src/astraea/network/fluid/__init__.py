"""The flow-level model: transfers as fluids that share links max-min fairly, from event to event."""
