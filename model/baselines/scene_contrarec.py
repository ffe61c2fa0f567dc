"""SceneContraRec: ContraRec that reads the scene of each event as an attribute of it (the paper, 4.1)."""

from model.baselines.contrarec import ContraRecNetwork


class SceneContraRecNetwork(ContraRecNetwork):
    """Reads events of item and scene; trained as `model.baselines.contrarec.ContraRec`."""

    sees_scenes = True
