# An agent. Not run by the tests of this project: there is no Docker where they run.
FROM python:3.13-slim
RUN pip install --no-cache-dir 'vaurien[loads]'
# It runs the code that it is sent: let that be nobody in particular.
RUN useradd --create-home loads
USER loads
ENTRYPOINT ["loads-agent"]
