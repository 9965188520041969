/*
 * network.c
 *	  Networks, and the address that a client calls from.
 *
 * A client's address is that of the other end of its connection.  Where a proxy
 * stands in between, it is what the proxy has noted in the header
 * x-forwarded-for, which PostgREST hands on in the setting request.headers: from
 * right to left, the first entry that is not a proxy of account.trusted_proxies
 * itself.  What stands further left is the client's own word.
 *
 * Anybody who runs SQL can set request.headers.  So it counts only where the
 * other end of the connection is in account.trusted_proxies, and whoever can run
 * SQL from there can claim to be anywhere.  A proxy that says nothing, or
 * something malformed, leaves the client without an address: it is in no
 * network then.
 */
#include "account.h"

#include <sys/socket.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"

#define PROXY_UNIX_SOCKET "unix"
#define FORWARDED_HEADER "x-forwarded-for"

/* More than any address or network in text. */
#define NETWORK_MAX_BYTES 63

/* account.trusted_proxies, parsed. */
typedef struct Proxies
{
	bool		unix_socket;
	int			count;
	inet		networks[FLEXIBLE_ARRAY_MEMBER];
} Proxies;

static const Proxies *proxies = NULL;

/* ---------------------------------------------------------------------------
 * Reading addresses and networks, without an error
 */

/* Whether all bits behind the length of a network are 0. */
static bool
is_masked(const inet *network)
{
	for (int bit = ip_bits(network); bit < ip_maxbits(network); bit++)
	{
		if (ip_addr(network)[bit / 8] & (0x80 >> (bit % 8)))
			return false;
	}
	return true;
}

/* Reads a network, or an address alone; false if the text is neither. */
static bool
parse(const char *text, bool address, inet *result)
{
	int			bits;

	memset(result, 0, sizeof(*result));
	if (strlen(text) > NETWORK_MAX_BYTES)
		return false;
	ip_family(result) = strchr(text, ':') != NULL ? PGSQL_AF_INET6 : PGSQL_AF_INET;
	bits = pg_inet_net_pton(ip_family(result), text, ip_addr(result), address ? -1 : ip_addrsize(result));
	if (bits < 0 || bits > ip_maxbits(result) || (address && strchr(text, '/') != NULL))
		return false;
	ip_bits(result) = bits;
	SET_INET_VARSIZE(result);
	return is_masked(result);
}

bool
network_is_valid(const char *text)
{
	inet		network;

	return parse(text, false, &network);
}

/* An IPv4 address written as IPv6 becomes what it is: networks of either family are told apart. */
static void
unmap(inet *address)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (ip_family(address) != PGSQL_AF_INET6 || memcmp(ip_addr(address), mapped, sizeof(mapped)) != 0)
		return;
	memmove(ip_addr(address), ip_addr(address) + sizeof(mapped), 4);
	ip_family(address) = PGSQL_AF_INET;
	ip_bits(address) = 32;
	SET_INET_VARSIZE(address);
}

/* ---------------------------------------------------------------------------
 * account.trusted_proxies
 */

/* Reads the next entry of a list with commas, without the white space around it; NULL after the last. */
static char *
next_entry(char **list)
{
	char	   *entry = *list;
	char	   *end;

	if (entry == NULL)
		return NULL;
	end = strchr(entry, ',');
	*list = end != NULL ? end + 1 : NULL;
	if (end == NULL)
		end = entry + strlen(entry);
	while (end > entry && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return entry + strspn(entry, " \t");
}

bool
network_check_proxies(char **newval, void **extra, GucSource source)
{
	char	   *list = pstrdup(*newval);
	char	   *entry;
	int			most = 1;
	Proxies    *parsed;

	for (char *c = list; *c != '\0'; c++)
		most += *c == ',';
	parsed = guc_malloc(LOG, offsetof(Proxies, networks) + sizeof(inet) * most);
	if (parsed == NULL)
		return false;
	memset(parsed, 0, offsetof(Proxies, networks));
	while (**newval != '\0' && (entry = next_entry(&list)) != NULL)
	{
		if (strcmp(entry, PROXY_UNIX_SOCKET) == 0)
			parsed->unix_socket = true;
		else if (parse(entry, false, &parsed->networks[parsed->count]))
			parsed->count++;
		else
		{
			GUC_check_errdetail("\"%s\" is neither a network nor " PROXY_UNIX_SOCKET ".", entry);
			guc_free(parsed);
			return false;
		}
	}
	*extra = parsed;
	return true;
}

void
network_assign_proxies(const char *newval, void *extra)
{
	proxies = extra;
}

static bool
contains(Datum network, Datum address)
{
	return DatumGetBool(DirectFunctionCall2(network_supeq, network, address));
}

static bool
is_proxy(Datum address)
{
	for (int i = 0; i < proxies->count; i++)
	{
		if (contains(InetPGetDatum(&proxies->networks[i]), address))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------
 * The client's address
 */

/* What the proxies have noted of the client; NULL if that is not there exactly once. */
static char *
read_forwarded(void)
{
	List	   *headers;
	char	   *forwarded;

	return request_read("request.headers", &headers) &&
		request_find(headers, FORWARDED_HEADER, &forwarded) == 1 ? forwarded : NULL;
}

/* The address that the proxies have noted of the client; false if it is malformed. */
static bool
forwarded_address(char *forwarded, Datum *address)
{
	List	   *entries = NIL;
	char	   *entry;

	while ((entry = next_entry(&forwarded)) != NULL)
		entries = lappend(entries, entry);
	for (int i = list_length(entries) - 1; i >= 0; i--)
	{
		inet	   *read = palloc(sizeof(inet));

		if (!parse(list_nth(entries, i), true, read))
			return false;
		unmap(read);
		*address = InetPGetDatum(read);
		if (!is_proxy(*address))
			return true;
	}
	return true;				/* a proxy's own call */
}

/* The other end of the connection; false over a UNIX socket. */
static bool
peer_address(Datum *address)
{
	LOCAL_FCINFO(fcinfo, 0);

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	*address = inet_client_addr(fcinfo);
	return !fcinfo->isnull;
}

/* Whether the other end, by its address if it is known, is a trusted proxy. */
static bool
is_proxied(bool known, Datum address)
{
	return proxies != NULL && (known ? is_proxy(address) : proxies->unix_socket);
}

bool
network_is_proxied(void)
{
	Datum		address;
	bool		known = peer_address(&address);

	return is_proxied(known, address);
}

bool
network_client_address(Datum *address)
{
	bool		known = peer_address(address);
	char	   *forwarded;

	if (!is_proxied(known, *address))
		return known;
	forwarded = read_forwarded();
	return forwarded != NULL && forwarded_address(forwarded, address);
}

/* ---------------------------------------------------------------------------
 * Lists of networks
 */

/* The elements of a cidr[]; returns how many. */
static int
networks_of(ArrayType *array, Datum **networks)
{
	bool	   *nulls;
	int			count;
	int			kept = 0;

	deconstruct_array(array, CIDROID, -1, false, TYPALIGN_INT, networks, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			(*networks)[kept++] = (*networks)[i];
	}
	return kept;
}

static bool
contained(Datum address, const Datum *networks, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (contains(networks[i], address))
			return true;
	}
	return false;
}

bool
network_admits(ArrayType *networks)
{
	Datum		address;
	Datum	   *elements;
	int			count;

	if (!network_client_address(&address))
		return false;
	count = networks_of(networks, &elements);
	return contained(address, elements, count);
}

bool
network_within(ArrayType *inner, ArrayType *outer)
{
	Datum	   *inners;
	Datum	   *outers;
	int			ninners;
	int			nouters;

	if (outer == NULL)
		return true;
	if (inner == NULL)
		return false;
	ninners = networks_of(inner, &inners);
	nouters = networks_of(outer, &outers);
	for (int i = 0; i < ninners; i++)
	{
		if (!contained(inners[i], outers, nouters))
			return false;
	}
	return true;
}

ArrayType *
network_narrower(ArrayType *left, ArrayType *right)
{
	if (network_within(left, right))
		return left;
	return network_within(right, left) ? right : construct_empty_array(CIDROID);
}
