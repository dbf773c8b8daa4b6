import geopandas
import osgeo.gdal_array
import pyproj
import rasterio.io
from osgeo import gdal, osr
from shapely.geometry import Point

assert gdal.GetDriverByName("GTiff") is not None
reference = osr.SpatialReference()
assert reference.ImportFromEPSG(3857) == 0
frame = geopandas.GeoDataFrame(geometry=[Point(10, 50)], crs="EPSG:4326").to_crs(3857)
assert abs(frame.geometry[0].x - 1113194.9) < 1
assert pyproj.Transformer.from_crs(4326, 3857).transform(50, 10)[0] > 1e6
with rasterio.io.MemoryFile() as file, file.open(driver="GTiff", width=2, height=2, count=1, dtype="uint8") as data:
    assert data.width == 2
