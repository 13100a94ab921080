#include "base.h"
#include "consul_shape.h"

static const struct json_shape tag = { "Sa tag is no text", NULL };

static const struct json_shape node_members[] = { { "sNode is no text", NULL }, { "sAddress is no text", NULL }, { 0 } };
const struct json_shape consul_shape_node = { "Oa node is no object", node_members };

static const struct json_shape check_members[] = {
	{ "SStatus is no text", NULL }, { "sCheckID is no text", NULL }, { "sNode is no text", NULL },
	{ "sServiceID is no text", NULL }, { "sServiceName is no text", NULL }, { "nModifyIndex is no whole number", NULL },
	{ 0 }
};
const struct json_shape consul_shape_check = { "Oa check is no object", check_members };

static const struct json_shape weights_members[] = { { "nPassing is no whole number", NULL }, { 0 } };
static const struct json_shape service_members[] = {
	{ "sID is no text", NULL }, { "sService is no text", NULL }, { "sKind is no text", NULL },
	{ "sAddress is no text", NULL }, { "NPort is no whole number", NULL }, { "lTags is no list", &tag },
	{ "oWeights is no object", weights_members }, { 0 }
};
static const struct json_shape instance_members[] = {
	{ "ONode is no object", node_members }, { "OService is no object", service_members },
	{ "lChecks is no list", &consul_shape_check }, { 0 }
};
const struct json_shape consul_shape_instance = { "Oan instance is no object", instance_members };
