"""What a job will take before it is begun: time from measured speeds, memory from the engine's own model.

Nothing here loads TensorFlow: what must be measured is measured in a child process.
"""

from __future__ import annotations

from styled.planning.plan import Plan as Plan
from styled.planning.plan import ScalePlan as ScalePlan
from styled.planning.plan import plan as plan
