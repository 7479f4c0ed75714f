"""The public data set: version 2, train and test, Kermany et al. 2018.

doi:10.17632/rscbjbr9sj.2; size and SHA-256 stand in `checksums.tsv`.
"""

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds.source import errors

URL = (
    "https://data.mendeley.com/public-files/datasets/rscbjbr9sj/files/"
    "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
)
SIZE = "1.2 GB"

# The archive's folder that holds {train,test}/{NORMAL,PNEUMONIA}.
_FOLDER = "chest_xray"


def download(dl_manager: tfds.download.DownloadManager) -> epath.Path:
    """Returns the folder of images, downloaded if it was not yet.

    Raises:
        SourceError: If the network does not give it.
        OSError: If the disk does not take it.
    """
    # The URL does not end in .zip, by which TFDS knows the format.
    resource = tfds.download.Resource(
        url=URL, extract_method=tfds.download.ExtractMethod.ZIP
    )
    try:
        return dl_manager.download_and_extract(resource) / _FOLDER
    except OSError as error:
        if error.errno is not None:
            raise  # Of the disk. Those of the network have no number.
        raise errors.SourceError(
            f"The public data set could not be downloaded: {error}. Unpack "
            f"{URL} by other means and add --manual_dir=DIR with its folder "
            f"{_FOLDER}."
        ) from error
