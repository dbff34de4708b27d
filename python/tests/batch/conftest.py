"""The S3 server, for those tests that want one."""

from batch_files import s3, s3_server

__all__ = ["s3", "s3_server"]
