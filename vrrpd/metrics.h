/*
 * A snapshot as OpenMetrics text (https://openmetrics.io, 1.0): `vrrpctl metrics`, and over HTTP
 * (metrics_http.h). Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/status.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

void metrics_render(const struct status *s, struct buf *out);
