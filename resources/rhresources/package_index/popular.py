"""Projects that many people install, in about the order in which they are meant; they come first among names that
begin alike, and are known without any list.
"""

_TEXT = """
    numpy pandas torch requests scipy matplotlib scikit-learn transformers tensorflow jax datasets accelerate
    torchvision torchaudio lightning pytorch-lightning diffusers peft trl bitsandbytes vllm sentence-transformers
    tokenizers huggingface-hub safetensors evaluate keras flax optax jaxlib tensorboard wandb mlflow optuna ray dask
    polars pyarrow duckdb numba cython sympy networkx statsmodels xgboost lightgbm catboost seaborn plotly bokeh altair
    pillow opencv-python opencv-python-headless scikit-image imageio albumentations timm ultralytics einops
    torchmetrics torch-geometric triton flash-attn deepspeed xformers onnx onnxruntime onnxruntime-gpu
    tensorflow-datasets spacy nltk gensim openai anthropic langchain langchain-core langgraph llama-index tiktoken
    faiss-cpu faiss-gpu chromadb qdrant-client sentencepiece gradio streamlit dash fastapi flask django starlette
    uvicorn gunicorn pydantic pydantic-settings httpx aiohttp urllib3 certifi tqdm rich click typer pyyaml ruamel-yaml
    toml tomli jinja2 attrs cattrs orjson ujson msgpack protobuf grpcio grpcio-tools sqlalchemy alembic psycopg
    psycopg2-binary pymysql asyncpg redis pymongo boto3 botocore s3fs gcsfs fsspec adlfs google-cloud-storage
    azure-storage-blob azure-identity smart-open h5py zarr xarray netcdf4 tables openpyxl xlsxwriter xlrd lxml
    beautifulsoup4 html5lib scrapy selenium playwright pytest pytest-cov pytest-asyncio pytest-xdist hypothesis
    coverage tox nox mypy ruff black isort flake8 pylint pre-commit setuptools wheel pip uv poetry hatchling build
    twine packaging virtualenv ipython ipykernel jupyter jupyterlab notebook nbformat nbconvert ipywidgets papermill
    cloudpickle dill joblib psutil filelock platformdirs watchdog loguru structlog python-dotenv python-dateutil pytz
    tzdata arrow pendulum regex rapidfuzz unidecode chardet charset-normalizer idna six typing-extensions
    importlib-metadata more-itertools toolz cytoolz sortedcontainers tenacity backoff anyio trio uvloop websockets
    paramiko fabric cryptography pynacl bcrypt passlib pyjwt keyring hydra-core omegaconf fire absl-py ml-collections
    gymnasium stable-baselines3 pettingzoo mujoco dm-control pyro-ppl numpyro pymc arviz gpytorch botorch
    scikit-optimize hyperopt shap lime captum umap-learn hdbscan imbalanced-learn prophet sktime tsfresh pmdarima
    biopython rdkit mdanalysis ase pymatgen openmm astropy healpy geopandas shapely rasterio fiona pyproj folium
    librosa soundfile audioread pydub openai-whisper faster-whisper speechbrain nemo-toolkit
    moviepy av ffmpeg-python decord mediapipe face-recognition easyocr pytesseract pdfplumber pypdf pymupdf
    python-docx reportlab celery kombu rq apache-airflow prefect dagster luigi pyspark delta-spark great-expectations
    dbt-core snowflake-connector-python google-cloud-bigquery kafka-python confluent-kafka pika docker kubernetes
    ansible skypilot cupy-cuda12x nvidia-ml-py pynvml gpustat tensorrt pycuda mpi4py petsc4py cvxpy ortools pulp
    pyomo ipopt casadi sacrebleu rouge-score jiwer seqeval textblob flair stanza fasttext
"""

POPULAR: tuple[str, ...] = tuple(_TEXT.split())
