"""What packages there are: names, versions and a summary, for whoever types one.

Read in this order: `index` (what is asked), `sources` (which index uv would use), `fetching` (one request), `pages`
(versions of one project), `name_list` (the list of all names on disk), `channel` (the same for conda).
"""

from rhresources.package_index.index import PackageIndex
from rhresources.package_index.pages import ProjectSummary, VersionInfo

__all__ = ["PackageIndex", "ProjectSummary", "VersionInfo"]
