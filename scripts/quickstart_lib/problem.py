# SPDX-License-Identifier: Apache-2.0


class Problem(Exception):
    """Something the user can mend; the text says what is wrong and how."""
