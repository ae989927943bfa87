"""TLS: who a proxy is to its clients, and whom it believes to be the backend. No socket is touched here.

authority     a certification authority that lives as long as the process
certificates  certificates and keys, from files or from the authority
flaws         certificates that something is wrong with
damage        the last record of a session, damaged
contexts      the contexts of OpenSSL for both legs of a link
mode          where TLS begins
needs         what a rule needs of TLS
"""
