import cv2
import numpy
import pandas
from sklearn.cluster import KMeans

picture = numpy.zeros((64, 64, 3), dtype="uint8")
cv2.circle(picture, (32, 32), 10, (255, 255, 255), -1)
assert cv2.countNonZero(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)) > 300
assert cv2.imdecode(cv2.imencode(".jpg", picture)[1], 1).shape == (64, 64, 3)
assert set(KMeans(2, n_init=1).fit_predict(pandas.DataFrame({"a": [0.0, 0.1, 9.0, 9.1]}))) == {0, 1}
