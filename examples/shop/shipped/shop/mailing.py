"""Sends mail."""

import logging
import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

from shop.settings import TIMEOUT, mail_url


def send(to: str, subject: str, text: str) -> None:
    """Send a mail."""
    message = EmailMessage()
    message['From'], message['To'], message['Subject'] = 'shop@example.com', to, subject
    message.set_content(text)
    server = urlsplit(mail_url())
    try:
        with smtplib.SMTP(server.hostname, server.port, local_hostname='shop', timeout=TIMEOUT) as smtp:
            smtp.send_message(message)
    except OSError:
        logging.exception('no mail to %s', to)
