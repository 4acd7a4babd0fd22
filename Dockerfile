# docker build -t distill-lab .
# docker run --init --memory 4g -p 127.0.0.1:8501:8501 -v distill-runs:/app/runs -v distill-cache:/app/cache distill-lab
# GPUs, sizes, and why there is a limit: docs/deploy.md
FROM python:3.11-slim

# torch without CUDA's libraries. For an NVIDIA GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 DISTILL_CACHE_DIR=/app/cache DISTILL_RUNS_DIR=/app/runs
WORKDIR /app
COPY requirements.txt .
RUN pip install --disable-pip-version-check --extra-index-url "$TORCH_INDEX" -r requirements.txt
COPY . .
RUN useradd --create-home student && mkdir -p cache runs && chown student cache runs
USER student
RUN python -m distill_core assets
VOLUME ["/app/runs", "/app/cache"]
EXPOSE 8501
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=3)"
# Only in a container does the server listen on all addresses: the port mapping above keeps it on this machine.
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0"]
