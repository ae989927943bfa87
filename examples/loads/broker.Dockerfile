# A broker. Not run by the tests of this project: there is no Docker where they run.
FROM python:3.13-slim
RUN pip install --no-cache-dir 'vaurien[loads]'
RUN useradd --create-home loads
USER loads
EXPOSE 5557
ENTRYPOINT ["loads-broker", "--bind", "0.0.0.0:5557"]
