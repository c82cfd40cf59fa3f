"""The web page: `python app.py`. `translate app --help` has the options."""

from translate.config import AppConfig
from translate.web import build_app, serve

demo = build_app()

if __name__ == "__main__":
    serve(AppConfig(), demo)
