"""The judgement: what the events of a stream mean for it. Nothing here reads or waits."""
