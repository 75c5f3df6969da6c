# SPDX-License-Identifier: Apache-2.0
# Defines no `application`.
other = None
