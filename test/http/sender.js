// Sends webhooks: claims deliveries, posts them, and records what they were answered with.  Any number
// may run, and may be killed at any time.
//	node sender.js [--at-once N] [--lease SECONDS] [--timeout SECONDS] [--resolve NAME=ADDRESS] [--allow-local]
// The database is that of PGHOST, PGDATABASE and the like, as a role of level sender.
// Addresses that are not public are refused after the name was looked up, and the connection is made to
// those that were looked at; redirects are not followed.  The last two options are for tests.
const dns = require('dns')
const https = require('https')
const net = require('net')
const { parseArgs } = require('util')
const { Client } = require('pg')

const POLL = 1000
const RETRY_AFTER_MAX = 86400

// Everything that is not the Internet (IANA's special-purpose registries), and what leads elsewhere by way of it.
const NOT_PUBLIC = new net.BlockList()
for (const network of ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24',
	'192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4']) {
	NOT_PUBLIC.addSubnet(network.split('/')[0], Number(network.split('/')[1]), 'ipv4')
}
for (const network of ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']) NOT_PUBLIC.addSubnet(network.split('/')[0], Number(network.split('/')[1]), 'ipv6')
const GLOBAL = new net.BlockList()
GLOBAL.addSubnet('2000::', 3, 'ipv6')

function isPublic (address) {
	if (net.isIPv4(address)) return !NOT_PUBLIC.check(address, 'ipv4')
	return net.isIPv6(address) && GLOBAL.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6')
}

// The addresses of a host, all of them public.
async function resolve (hostname, options) {
	const host = hostname.replace(/^\[|\]$/g, '')
	const known = options.resolve.get(host)
	const addresses = known ? [{ address: known, family: net.isIP(known) }] : await dns.promises.lookup(host, { all: true })

	if (addresses.length === 0 || !(options.allowLocal || addresses.every(({ address }) => isPublic(address)))) throw new Error('not a public address')
	return addresses
}

// A header in seconds, or as a date; undefined if it is neither.
function retryAfter (value) {
	const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000)

	return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX)
}

// Posts one; answers with the status, and with how many seconds to wait if the receiver says so.
async function post ({ url, headers, body }, options) {
	const target = new URL(url)
	if (target.protocol !== 'https:') throw new Error('not https')
	const signal = AbortSignal.timeout(options.timeout * 1000)
	const addresses = await Promise.race([resolve(target.hostname, options), new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))])
	const bytes = Buffer.from(body, 'utf8')

	return new Promise((resolve, reject) => {
		const request = https.request(target, {
			method: 'POST',
			headers: { ...headers, 'content-length': bytes.length, 'user-agent': 'account-sender' },
			// What was looked at, and no second look-up that might say something else.
			lookup: (name, { all }, done) => all ? done(null, addresses) : done(null, addresses[0].address, addresses[0].family),
			agent: false,
			signal
		}, response => {
			// The status is all there is to know: nobody makes us read more.
			response.destroy()
			resolve({ status: response.statusCode, wait: response.headers['retry-after'] && retryAfter(response.headers['retry-after']) })
		})
		request.on('error', reject)
		request.end(bytes)
	})
}

async function deliver (database, delivery, options) {
	const { status, wait } = await post(delivery, options).catch(error => {
		console.error(`${delivery.delivery_id}: ${error.message}`)
		return {}
	})
	// Out of what can be recorded: no answer either.
	const known = status >= 100 && status <= 599 ? status : null
	await database.query('SELECT account.record_webhook_delivery($1, $2, $3 * interval \'1 second\')', [delivery.delivery_id, known, wait ?? null])
}

async function run (options) {
	const database = new Client()
	let underWay = 0
	let stopped = false
	let wake = () => {}
	// So that what happens while nobody waits is not forgotten.
	let woken = false
	const next = () => { woken = true; wake() }

	await database.connect()
	database.on('error', error => { throw error })
	database.on('notification', next)
	for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { stopped = true; next() })
	await database.query('LISTEN account_webhooks')
	while (!stopped || underWay > 0) {
		let deliveries = []

		woken = false
		if (!stopped && underWay < options.atOnce) {
			deliveries = (await database.query('SELECT * FROM account.claim_webhook_deliveries($1, $2 * interval \'1 second\')', [options.atOnce - underWay, options.lease])).rows
		}
		for (const delivery of deliveries) {
			underWay++
			deliver(database, delivery, options).catch(error => console.error(error.message)).finally(() => { underWay--; next() })
		}
		if (!woken && deliveries.length === 0) await new Promise(resolve => { wake = resolve; setTimeout(resolve, POLL) })
	}
	await database.end()
}

if (require.main === module) {
	const { values } = parseArgs({
		options: {
			'at-once': { type: 'string', default: '50' },
			lease: { type: 'string', default: '60' },
			timeout: { type: 'string', default: '20' },
			resolve: { type: 'string', multiple: true, default: [] },
			'allow-local': { type: 'boolean', default: false }
		}
	})
	run({
		atOnce: Number(values['at-once']),
		lease: Number(values.lease),
		timeout: Number(values.timeout),
		resolve: new Map(values.resolve.map(entry => entry.split('='))),
		allowLocal: values['allow-local']
	}).catch(error => {
		console.error(error)
		process.exit(1)
	})
}

module.exports = { isPublic, post, retryAfter }
