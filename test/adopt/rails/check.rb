# An application of two tenants; see test/adopt/run.
require "logger"
require "active_record"
require "action_controller"
require "rack/mock"
require_relative "account"

ActiveRecord::Base.establish_connection(
  adapter: "postgresql", host: ENV.fetch("PGHOST"), username: ENV.fetch("PGUSER"),
  database: ENV.fetch("PGDATABASE"), pool: 1
)

class Note < ActiveRecord::Base
end

class NotesController < ActionController::Base
  include AsAccount

  def index
    render json: Note.order(:id).pluck(:body)
  end

  def create
    Note.create!(body: params[:body])
    raise "no" if params[:body] == "half done"

    head :created
  end
end

def request(action, account_id, body = nil)
  env = Rack::MockRequest.env_for("/notes", method: body ? "POST" : "GET", params: { body: body }.compact)
  env["rack.session"] = { account_id: account_id }
  status, _, response = NotesController.action(action).call(env)
  text = +""
  response.each { |part| text << part }
  text.empty? ? status : JSON.parse(text)
end

def check(claim, held)
  abort "FAILED: #{claim}" unless held
  puts "ok: #{claim}"
end

alice, bob = ENV.fetch("ALICE"), ENV.fetch("BOB")
created = request(:create, alice, "from alice")
check "a request reads and writes the rows of its account",
      created == 201 && request(:index, alice) == ["from alice"] && request(:index, bob) == []

begin
  request(:create, bob, "half done")
rescue RuntimeError => error
  raised = error.message
end
check "a request that fails leaves nothing behind", raised == "no" && request(:index, bob) == []

check "the connection, used again, has no identity", Note.count.zero?
