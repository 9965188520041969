-- Takes away what request.sql has made.
DROP FUNCTION ask, answer;
DROP OWNED BY regress_authenticator, regress_anonymous, regress_tenant;
DROP ROLE regress_authenticator, regress_anonymous, regress_tenant;
