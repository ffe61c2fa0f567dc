"""The event log: one row is one behaviour of a user (paper, Eq. 1).

A cleaned event carries the four columns below; ``scene_id`` is the sub-interface of the app in which
the behaviour happened.
"""

USER_ID = "user_id"
ITEM_ID = "item_id"
SCENE_ID = "scene_id"
TIMESTAMP = "timestamp"

EVENT_COLUMNS = (USER_ID, ITEM_ID, SCENE_ID, TIMESTAMP)
