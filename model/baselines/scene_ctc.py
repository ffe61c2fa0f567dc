"""SceneCTC: the scene as an attribute of an event, and ContraRec's context-target contrast alone (the paper, 4.1)."""

from model.baselines.scene_contrarec import SceneContraRecNetwork
from model.recommender import Recommender


class SceneCTCNetwork(SceneContraRecNetwork):
    """Reads events of item and scene; arguments as for `model.baselines.contrarec.ContraRecNetwork`."""


class SceneCTC(Recommender):
    """Trains on the context-target contrast, a softmax over candidates; arguments as for `Recommender`."""
