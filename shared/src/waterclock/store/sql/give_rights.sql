-- Give the roles of the services, as far as they are there, their rights on what the migrations have made.
SELECT give_rights();
