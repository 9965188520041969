// Events over HTTP: what was changed by requests is sent to the webhook URLs of accounts, by senders that are killed
// in the middle, and checked by the libraries of receivers.
const { execFileSync, spawn } = require('child_process')
const fs = require('fs')
const https = require('https')
const os = require('os')
const path = require('path')
const { assert, ask, bearer, client, database, example, key, refusedThere } = require('./client')
const { isPublic, retryAfter } = require('./sender')

const { ACME_KEY } = process.env
const LIBRARIES = ['standardwebhooks', 'svix'].map(name => secret => new (require(name).Webhook)(secret))
const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

async function until (what, holds, seconds = 60) {
	for (const end = Date.now() + seconds * 1000; !await holds(); await pause(50)) assert.ok(Date.now() < end, `${what}: not after ${seconds} s`)
}

// A server that accounts have as their receiver, and what it was sent: at /NAME, by what was set to answer there.
class Receiver {
	constructor () {
		this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'receiver'))
		this.certificate = path.join(this.directory, 'certificate.pem')
		execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=hooks', '-addext', 'subjectAltName=DNS:hooks.example.com',
			'-keyout', path.join(this.directory, 'key.pem'), '-out', this.certificate], { stdio: 'ignore' })
		this.sent = []
		this.answers = {}
	}

	async start () {
		const tls = { key: fs.readFileSync(path.join(this.directory, 'key.pem')), cert: fs.readFileSync(this.certificate) }

		this.server = https.createServer(tls, (request, response) => {
			let body = ''
			request.setEncoding('utf8').on('data', chunk => { body += chunk }).on('end', async () => {
				const name = request.url.slice(1)
				this.sent.push({ name, body, headers: request.headers, method: request.method })
				const [status, headers, wait] = await (this.answers[name] || (() => [204]))()
				if (wait) await pause(wait)
				if (status) response.writeHead(status, headers).end()
			})
		})
		await new Promise(resolve => this.server.listen(0, '127.0.0.1', resolve))
		return this.server.address().port
	}

	of (name) {
		return this.sent.filter(message => message.name === name)
	}

	stop () {
		this.server.closeAllConnections()
		this.server.close()
		fs.rmSync(this.directory, { recursive: true })
	}
}

module.exports = () => {
	const receiver = new Receiver()
	const accounts = {}
	const senders = new Set()
	let port

	// An account whose receiver is ours, by its name there.
	async function make (name) {
		const made = (await ask('POST', '/v1/accounts', bearer(ACME_KEY), { name })).json()
		const { error } = await client(key(made.api_key)).rpc('update_account', { account_id: made.id, changes: { webhook_url: `https://hooks.example.com:${port}/${name}` } })

		assert.strictEqual(error, null, JSON.stringify(error))
		accounts[name] = { id: made.id, client: client(key(made.api_key)), key: made.api_key, secret: (await client(key(made.api_key)).rpc('webhook_secret')).data }
		return accounts[name]
	}
	const change = async (name, to) => assert.strictEqual((await accounts[name].client.rpc('update_account', { account_id: accounts[name].id, changes: { description: to } })).error, null)
	const deliveries = async name => (await accounts[name].client.from('webhook_deliveries').select().order('created_at')).data
	const expected = async name => (await database.query('SELECT event_id, body FROM account.events WHERE account_id = $1 ORDER BY turn', [accounts[name].id])).rows
	const isOver = async name => (await deliveries(name)).every(delivery => delivery.finished_at)
	// What would come by itself in hours is due now.
	const hurry = name => database.query("UPDATE account.events SET due_at = now() WHERE account_id = $1 AND finished_at IS NULL AND delivery_id IS NULL AND due_at < 'infinity'", [accounts[name].id])

	function start (...options) {
		const sender = spawn(process.execPath, [path.join(__dirname, 'sender.js'), '--lease', '2', '--resolve', 'hooks.example.com=127.0.0.1', ...options],
			{ env: { ...process.env, PGUSER: 'sender', NODE_EXTRA_CA_CERTS: receiver.certificate }, stdio: 'ignore' })
		sender.ended = new Promise(resolve => sender.on('exit', resolve))
		senders.add(sender)
		return sender
	}
	async function end (sender, signal = 'SIGKILL') {
		senders.delete(sender)
		sender.kill(signal)
		return sender.ended
	}

	example('S3.24: a change over HTTP is sent to the URL of the account, signed, and the libraries verify it', async () => {
		port = await receiver.start()
		await make('one')
		const sender = start('--allow-local')
		await change('one', 'Zo\u00eb, \ud83d\ude00')
		await until('one is told', async () => (await expected('one')).length >= 1 && await isOver('one'))
		assert.strictEqual(await end(sender, 'SIGTERM'), 0)
		const [{ body, headers, method }] = receiver.of('one').slice(-1)
		assert.deepStrictEqual([method, headers['content-type'], headers.cookie, headers.authorization], ['POST', 'application/json', undefined, undefined])
		for (const library of LIBRARIES) assert.deepStrictEqual(library(accounts.one.secret).verify(body, headers), JSON.parse(body))
		const { type, timestamp, data } = JSON.parse(body)
		assert.deepStrictEqual([type, data.account_id, data.object_type, data.object_id], ['account.updated', accounts.one.id, 'account', accounts.one.id])
		assert.ok(data.changed.includes('description') && Math.abs(Date.parse(timestamp) - Date.now()) < 60000)
		// The value itself is for the receiver to ask for.
		assert.ok(!body.includes('Zo'))
	})

	example('senders that are killed in the middle: no event lost, none out of its order for an account, and again only with the same webhook-id', async () => {
		const names = ['left', 'middle', 'right']
		for (const name of names) await make(name)
		for (const name of names) receiver.answers[name] = () => [204, {}, Math.random() * 30]
		let changing = true
		const changes = Promise.all(names.map(async name => {
			for (let i = 0; i < 25; i++) await Promise.all([change(name, `a ${i}`), change(name, `b ${i}`)])
		})).finally(() => { changing = false })
		let kills = 0
		while (changing || kills < 8) {
			const running = [start('--allow-local', '--at-once', '2'), start('--allow-local', '--at-once', '7')]
			// Long enough to begin, too short to be done.
			await until('a sender sends', () => { const before = receiver.sent.length; return pause(20).then(() => receiver.sent.length > before || !changing) })
			await pause(Math.random() * 300)
			for (const sender of running) await end(sender)
			kills++
		}
		await changes
		start('--allow-local')
		for (const name of names) await until(`${name} is told`, () => isOver(name))
		let duplicates = 0
		for (const name of names) {
			const events = await expected(name)
			const sent = receiver.of(name)
			const bodies = new Map()

			assert.ok(events.length >= 50, `${events.length}`)
			for (const { body, headers } of sent) {
				for (const library of LIBRARIES) library(accounts[name].secret).verify(body, headers)
				// WH-05: the id says that it is the same, and so is the body.
				assert.strictEqual(bodies.get(headers['webhook-id']) ?? body, body)
				bodies.set(headers['webhook-id'], body)
			}
			duplicates += sent.length - bodies.size
			assert.deepStrictEqual([...bodies], events.map(({ event_id: id, body }) => [id, body]))
			assert.ok((await deliveries(name)).every(({ state, http_status: status }) => state === 'delivered' && status === 204))
		}
		console.log(`# ${kills} times two senders were killed; ${duplicates} messages were sent again`)
		for (const sender of senders) await end(sender, 'SIGTERM')
	})

	example('an account that does not answer, or fails, holds up no other; it is tried again, with the same body', async () => {
		for (const name of ['dead', 'failing', 'quick']) await make(name)
		const answers = [[500], [302, { Location: `https://hooks.example.com:${port}/stolen` }], [429, { 'Retry-After': '7200' }], [200]]
		receiver.answers.dead = () => [null, {}, 60000]
		receiver.answers.failing = () => answers.shift() || [200]
		const sender = start('--allow-local', '--timeout', '1')
		for (const name of ['dead', 'failing', 'quick']) for (const i of [1, 2, 3]) await change(name, `${i}`)
		await until('the quick one is told', () => isOver('quick'))
		assert.strictEqual(receiver.of('dead').length, 1)
		for (const status of [500, 302, 429]) {
			await until(`${status} is recorded`, async () => (await deliveries('failing'))[0].http_status === status)
			const [first, ...others] = await deliveries('failing')
			assert.deepStrictEqual([first.state, ...others.map(other => other.state)].slice(0, 2), ['retrying', 'waiting'])
			if (status === 429) assert.ok(Date.parse(first.next_attempt_at) - Date.now() > 7100000, first.next_attempt_at)
			await hurry('failing')
			await database.query('NOTIFY account_webhooks')
		}
		await until('the failing one is told', () => isOver('failing'))
		const [first, second, third, fourth] = receiver.of('failing')
		for (const again of [second, third, fourth]) assert.deepStrictEqual([again.body, again.headers['webhook-id']], [first.body, first.headers['webhook-id']])
		// A redirect was not followed, and what came to nothing is no answer.
		assert.deepStrictEqual(receiver.of('stolen'), [])
		await until('the dead one is given up for now', async () => (await deliveries('dead'))[0].state === 'retrying')
		assert.strictEqual((await deliveries('dead'))[0].http_status, null)
		await end(sender, 'SIGTERM')
	})

	example('410 ends the sending, until its owner asks for it; who may not, does not', async () => {
		await make('gone')
		let status = 410
		receiver.answers.gone = () => [status]
		const sender = start('--allow-local')
		for (const i of [1, 2]) await change('gone', `${i}`)
		await until('all are over', () => isOver('gone'))
		assert.deepStrictEqual((await deliveries('gone')).map(delivery => delivery.state), ['dead', ...(await deliveries('gone')).slice(1).map(() => 'dropped')])
		assert.strictEqual(receiver.of('gone').length, 1)
		status = 200
		const [{ event_id: id }] = await deliveries('gone')
		for (const stranger of [ACME_KEY, accounts.quick.key]) await refusedThere(404, 'NOT_FOUND', 'POST', '/rpc/redeliver_webhook', key(stranger), { event_id: id })
		assert.strictEqual((await accounts.gone.client.rpc('redeliver_webhook', { event_id: id })).error, null)
		await until('it is told', async () => (await deliveries('gone')).find(delivery => delivery.event_id === id).state === 'delivered')
		assert.strictEqual(receiver.of('gone')[1].headers['webhook-id'], id)
		await end(sender, 'SIGTERM')
		// S1.16: a list shows nobody else's, not even to the account above.
		const parents = (await client(key(ACME_KEY)).from('webhook_deliveries').select()).data
		assert.ok(parents.every(delivery => delivery.account_id === process.env.ACME))
		const { spec: { token } } = (await ask('POST', '/v1/account/api_keys', bearer(accounts.gone.key), { name: 'reader', permissions: ['read:accounts'] })).json()
		assert.deepStrictEqual((await client(key(token)).from('webhook_deliveries').select()).data, [])
	})

	example('SSRF: a name of an address that is not public is not connected to', async () => {
		await make('inside')
		const sender = start()
		await change('inside', 'x')
		await until('it has failed', async () => (await deliveries('inside'))[0].state === 'retrying')
		await end(sender, 'SIGTERM')
		assert.deepStrictEqual(receiver.of('inside'), [])
		assert.strictEqual((await deliveries('inside'))[0].http_status, null)
		receiver.stop()
	})

	example('SSRF: which addresses are public, and what Retry-After says', () => {
		for (const address of ['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '100.64.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.8', '192.168.1.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255',
			'::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::7f00:1', '64:ff9b::7f00:1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1', '2001::1', '2001:db8::1', '2002:7f00:1::', 'hooks.example.com', '', '2130706433', '0x7f.1']) {
			assert.strictEqual(isPublic(address), false, address)
		}
		for (const address of ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450:4001::1']) assert.strictEqual(isPublic(address), true, address)
		assert.deepStrictEqual(['0', '120', '999999999', 'soon', '-1', ''].map(retryAfter), [0, 120, 86400, undefined, 0, undefined])
		assert.ok(Math.abs(retryAfter(new Date(Date.now() + 60000).toUTCString()) - 60) <= 1)
	})
}
