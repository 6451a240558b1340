FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY tuner tuner
COPY instances instances
COPY storage storage
RUN python -m venv /opt/tuner && /opt/tuner/bin/pip install --no-cache-dir '.[all]'

FROM python:3.11-slim
COPY --from=build /opt/tuner /opt/tuner
RUN useradd --create-home --uid 10001 tuner && mkdir /data && chown tuner /data
USER tuner
# Models and results, written as the user who calls: docker run --user "$(id -u):$(id -g)" -v "$PWD:/data" tuner tune models
WORKDIR /data
EXPOSE 8000
ENV PATH=/opt/tuner/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["tuner"]
CMD ["--help"]
