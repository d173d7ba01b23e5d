#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/stick.h"

#include <string.h>

const char *const stick_type_names[STICK_TYPES] = {
    [STICK_INTEGER] = "integer", [STICK_IP] = "ip",         [STICK_IPV6] = "ipv6",
    [STICK_STRING] = "string",   [STICK_BINARY] = "binary",
};

const struct stick_data_row stick_data_rows[STICK_DATA_N] = {
    [STICK_SERVER_ID] = {"server_id", STICK_FORM_INT},
    [STICK_GPT0] = {"gpt0", STICK_FORM_UINT},
    [STICK_GPC0] = {"gpc0", STICK_FORM_UINT},
    [STICK_GPC0_RATE] = {"gpc0_rate", STICK_FORM_RATE},
    [STICK_CONN_CNT] = {"conn_cnt", STICK_FORM_UINT},
    [STICK_CONN_RATE] = {"conn_rate", STICK_FORM_RATE},
    [STICK_CONN_CUR] = {"conn_cur", STICK_FORM_UINT},
    [STICK_SESS_CNT] = {"sess_cnt", STICK_FORM_UINT},
    [STICK_SESS_RATE] = {"sess_rate", STICK_FORM_RATE},
    [STICK_HTTP_REQ_CNT] = {"http_req_cnt", STICK_FORM_UINT},
    [STICK_HTTP_REQ_RATE] = {"http_req_rate", STICK_FORM_RATE},
    [STICK_HTTP_ERR_CNT] = {"http_err_cnt", STICK_FORM_UINT},
    [STICK_HTTP_ERR_RATE] = {"http_err_rate", STICK_FORM_RATE},
    [STICK_BYTES_IN_CNT] = {"bytes_in_cnt", STICK_FORM_LONG},
    [STICK_BYTES_IN_RATE] = {"bytes_in_rate", STICK_FORM_RATE},
    [STICK_BYTES_OUT_CNT] = {"bytes_out_cnt", STICK_FORM_LONG},
    [STICK_BYTES_OUT_RATE] = {"bytes_out_rate", STICK_FORM_RATE},
    [STICK_GPC1] = {"gpc1", STICK_FORM_UINT},
    [STICK_GPC1_RATE] = {"gpc1_rate", STICK_FORM_RATE},
    [STICK_SERVER_KEY] = {"server_key", STICK_FORM_NAME},
    [STICK_HTTP_FAIL_CNT] = {"http_fail_cnt", STICK_FORM_UINT},
    [STICK_HTTP_FAIL_RATE] = {"http_fail_rate", STICK_FORM_RATE},
};

void stick_format_head(struct buf *out, const struct stick_table *t)
{
    const struct stick_conf *c = stick_conf(t);
    buf_printf(out, "# table: %s, type: %s, size:%u, used:%u", c->name, stick_type_names[c->type],
               c->size, stick_used(t));
}

/* A key is somebody else's text: what could be taken for a separator is escaped. */
static void add_text(struct buf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] < 33 || p[i] > 126)
            buf_printf(out, "\\x%02x", p[i]);
        else if (p[i] == '\\' || p[i] == '=')
            buf_printf(out, "\\%c", p[i]);
        else
            buf_char(out, (char)p[i]);
    }
}

static void add_key(struct buf *out, const struct stick_record *r)
{
    char text[ADDR_TEXT_MAX];
    switch (r->type) {
    case STICK_INTEGER:
        buf_printf(out, "%u", r->integer);
        break;
    case STICK_IP:
    case STICK_IPV6:
        buf_str(out, addr_format(&r->addr, text));
        break;
    case STICK_STRING:
        add_text(out, r->bytes, r->bytes_len);
        break;
    case STICK_BINARY:
        for (size_t i = 0; i < r->bytes_len; i++)
            buf_printf(out, "%02X", r->bytes[i]);
        break;
    case STICK_TYPES:
        break;
    }
}

static void add_data(struct buf *out, const struct stick_conf *c, const struct stick_record *r,
                     enum stick_data d)
{
    const struct stick_data_row *row = &stick_data_rows[d];
    bool stored = c->store & (1u << d);
    if (d == STICK_SERVER_KEY) {
        if (r->server.name[0])
            buf_printf(out, " %s=%s", row->name, r->server.name);
    } else if (d == STICK_SERVER_ID) {
        if (r->server.id)
            buf_printf(out, " %s=%u", row->name, r->server.id);
    } else if (stored && row->form == STICK_FORM_RATE) {
        buf_printf(out, " %s(%lld)=%llu", row->name, (long long)(c->period[d].us / 1000),
                   (unsigned long long)r->values[d]);
    } else if (stored) {
        buf_printf(out, " %s=%llu", row->name, (unsigned long long)r->values[d]);
    }
}

void stick_format(struct buf *out, const struct stick_table *t, const struct stick_record *r)
{
    buf_printf(out, "0x%llx: key=", (unsigned long long)r->id);
    add_key(out, r);
    buf_printf(out, " use=%u exp=%lld", r->use, (long long)r->expires_ms);
    for (unsigned d = 0; d < STICK_DATA_N; d++)
        add_data(out, stick_conf(t), r, d);
}

bool stick_key_parse(enum stick_type type, const char *text, struct stick_key *out)
{
    int64_t n;
    out->type = type;
    switch (type) {
    case STICK_INTEGER:
        if (!parse_int(text, 0, UINT32_MAX, &n))
            return false;
        out->integer = (uint32_t)n;
        return true;
    case STICK_IP:
        return addr_parse(text, &out->addr) && out->addr.family == AF_INET;
    case STICK_IPV6:
        return addr_parse(text, &out->addr);
    case STICK_STRING:
    case STICK_BINARY:
        out->bytes.data = text;
        out->bytes.len = strlen(text);
        return out->bytes.len > 0;
    case STICK_TYPES:
        break;
    }
    return false;
}
