"""What a run does: one straight function a kind, `run(spec, context) → Result`. `kinds.KINDS` names them."""
