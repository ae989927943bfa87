"""TLS: who a proxy is to its clients, and whom it believes to be the backend. No socket is touched here.

authority     a certification authority that lives as long as the process
ca_file       its certificate in a file, for clients that take a path
certificates  certificates and keys, from files or from the authority
flaws         certificates that something is wrong with
damage        the last record of a session, damaged
contexts      the contexts of OpenSSL for both legs of a link
session       a session of TLS without a connection
mode          where TLS begins
needs         what a rule needs of TLS
"""
