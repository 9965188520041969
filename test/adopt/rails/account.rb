# Runs each action in a transaction, as the account of whoever is logged in.
#
#	class ApplicationController < ActionController::Base
#		include AsAccount
#	end
#
# Where nobody is logged in yet: skip_around_action :as_account.
# Where the caller brings an API key or a session of its own: SELECT account.authenticate($1).
module AsAccount
  extend ActiveSupport::Concern

  included { around_action :as_account }

  private

  def as_account
    ActiveRecord::Base.transaction do
      # Not through exec_query: that would write the key to the log.
      ActiveRecord::Base.connection.raw_connection.exec_params(
        "SELECT account.act_as($1, $2)", [ENV.fetch("APPLICATION_KEY"), session[:account_id]]
      )
      yield
    end
  end
end
