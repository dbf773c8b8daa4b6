import catboost
import lightgbm
import numpy
import xgboost

rows = numpy.random.default_rng(1).normal(size=(200, 4))
wanted = (rows[:, 0] > 0).astype(int)
for model in (
    xgboost.XGBClassifier(n_estimators=5),
    lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
    catboost.CatBoostClassifier(iterations=5, verbose=False, allow_writing_files=False),
):
    assert (model.fit(rows, wanted).predict(rows) == wanted).mean() > 0.9, model
