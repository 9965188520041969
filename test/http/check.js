// Runs the cases over HTTP, in order, through nginx; see test/http/run.
const { ask, assert, bearer, database, example, refused, runExamples } = require('./client')
const { start } = require('./stand-in/server')

const { UPSTREAM_SOCKET, JWT_SECRET, POSTGREST, ACME_KEY } = process.env
const FILES = ['documents', 'errors', 'views', 'writes', 'functions', 'webhooks', 'events', 'login', 'attacks', 'commit', 'pooled']

async function main () {
	const upstream = POSTGREST ? null : await start(UPSTREAM_SOCKET, 2, JWT_SECRET)
	const wanted = process.argv.slice(2)
	let failed = 0

	for (const file of FILES.filter(name => wanted.length === 0 || wanted.includes(name))) {
		require(`./${file}`)(upstream)
		failed += await runExamples()
	}
	if (upstream) {
		example('nothing of a request is left on its connection, for none of those above', () => assert.deepStrictEqual(upstream.left, []))
		example('S2.31: without PostgREST, 500 with the documents\' body', async () => {
			await upstream.stop()
			await refused(500, 'INTERNAL_SERVER_ERROR', 'GET', '/v1/account', bearer(ACME_KEY))
			assert.strictEqual((await ask('GET', '/accounts')).status, 502)
		})
		failed += await runExamples()
	}
	await database.end()
	return failed
}

main().then(failed => process.exit(failed === 0 ? 0 : 1), error => {
	console.error(error)
	process.exit(1)
})
