// What the cases share: requests as clients send them, and a list of cases that goes on after one that fails.
const assert = require('assert')
const http = require('http')
const net = require('net')
const { Pool } = require('pg')
const { PostgrestClient } = require('@supabase/postgrest-js')

const { ADDRESS } = process.env
const bearer = token => ({ Authorization: `Bearer ${token}` })
const key = token => ({ 'X-API-Key': token })

// By fetch; body is text, bytes or an object.
async function ask (method, path, headers = {}, body = undefined) {
	const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
	const answer = await fetch(ADDRESS + path, { method, headers: { ...type, ...headers }, body: typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : body, redirect: 'manual' })
	const text = await answer.text()

	return {
		status: answer.status,
		message: answer.statusText,
		headers: Object.fromEntries(answer.headers),
		cookies: answer.headers.getSetCookie(),
		text,
		json: () => JSON.parse(text)
	}
}

// Byte by byte, where a client would mend what is sent: answers with all that comes back.
function send (text) {
	return new Promise((resolve, reject) => {
		const { port, hostname } = new URL(ADDRESS)
		const socket = net.connect(port, hostname, () => socket.write(text))
		let answer = ''

		socket.setEncoding('latin1').setTimeout(10000, () => socket.destroy())
		socket.on('data', chunk => { answer += chunk }).on('close', () => resolve(answer)).on('error', reject)
	})
}

// By Node's own client, which takes a header more than once: headers is a list of names and values.
function askRaw (method, path, headers) {
	return new Promise((resolve, reject) => {
		const request = http.request(ADDRESS + path, { method, headers: ['Host', 'localhost', ...headers] }, response => {
			let text = ''
			response.on('data', chunk => { text += chunk }).on('end', () => resolve({ status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) }))
		})
		request.on('error', reject)
		request.end()
	})
}

// The client that applications use; it answers with { data, error, count, status }.
const client = (headers, schema) => new PostgrestClient(ADDRESS, { headers, ...(schema && { schema }) })

// B1: the four members, and nothing else. Any code, if none is named.
async function refused (status, code, ...request) {
	const answer = await ask(...request)
	const body = answer.json()

	assert.strictEqual(answer.status, status, answer.text)
	assert.deepStrictEqual(Object.keys(body).sort(), ['error', 'id', 'note', 'validationErrors'], answer.text)
	if (code) assert.strictEqual(body.error, code, answer.text)
	assert.match(body.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
	for (const entry of body.validationErrors) assert.deepStrictEqual(Object.keys(entry), ['path', 'message', 'context', 'suggestion'])
	return { ...answer, id: body.id }
}

// At PostgREST's own paths: its four members, ours in details where the code is ours.
async function refusedThere (status, code, ...request) {
	const answer = await ask(...request)

	assert.deepStrictEqual([answer.status, answer.json().code], [status, code], answer.text)
	assert.deepStrictEqual(Object.keys(answer.json()).sort(), ['code', 'details', 'hint', 'message'], answer.text)
	if (!/^(PGRST|[0-9A-Z]{5}$)/.test(code)) assert.deepStrictEqual(Object.keys(JSON.parse(answer.json().details)).sort(), ['error', 'id', 'validationErrors'])
	return answer
}

// A session of a user: its token.
async function logIn (email) {
	const { session_token: token } = (await ask('POST', '/v1/account/login', { 'X-Requested-With': 'test' }, { email, password: 'correct horse battery' })).json()

	return token
}

// The database itself, as the superuser of the tests.
const database = new Pool({ user: 'postgres', max: 3 })

const cases = []
const example = (name, run) => cases.push([name, run])

// Runs all that were listed; says how each went.
async function runExamples () {
	let failed = 0

	for (const [name, run] of cases.splice(0)) {
		try {
			await run()
			console.log(`ok: ${name}`)
		} catch (error) {
			failed++
			console.log(`not ok: ${name}\n${error.stack}`)
		}
	}
	return failed
}

module.exports = { assert, ask, askRaw, send, bearer, key, client, refused, refusedThere, logIn, database, example, runExamples }
